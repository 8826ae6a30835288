"""FiftyOne, in eight rooms of one direction.

`pictures` may import `evaluation` and `runs`, these `banks`, these `references` and `files`, these
`labels` and `work`; never the other way. `docs/architecture.md` says what each holds.
"""
