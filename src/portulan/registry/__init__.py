"""The phone book: what a number is for, by IANA and by people's words. Gets bytes; `portulan.system.registry_file` opens the files."""
