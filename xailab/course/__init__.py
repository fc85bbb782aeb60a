"""The commands that turn notebooks into pages, a site, editions and an archive."""
