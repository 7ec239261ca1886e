"""The `rivelin` command, the local broker and the supervisor."""
