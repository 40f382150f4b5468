"""One module per page: a router, made of what the page needs."""
