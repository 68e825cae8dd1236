"""A scan's answer in the forms that other programs read: nmap's XML, nmap's grepable lines, CSV; and those forms read again."""
