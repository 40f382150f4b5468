"""The commands, one module each: what they are asked, what they print, how they end."""
