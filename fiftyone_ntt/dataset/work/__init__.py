"""How long work is done, whatever it is: processes, progress, which models and which proposals."""
