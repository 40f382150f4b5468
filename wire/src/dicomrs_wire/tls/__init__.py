"""TLS by the BCP 195 profile of PS3.15 B.12 (RFC 8996, RFC 9325): contexts, a stream, and sentences for failures."""
