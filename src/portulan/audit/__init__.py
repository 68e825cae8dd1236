"""All facts about one port on one row, and what of them should not be so. Pure: the machine is read in `verbs.audit`."""
