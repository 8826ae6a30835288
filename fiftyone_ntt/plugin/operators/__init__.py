"""The operators, one file each: a form, a call of a public function, a message."""
