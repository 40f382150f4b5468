"""One file that tells all of how a release stands: HTML to read, JSON inside. For the page, and `dicomrs diagnose`."""
