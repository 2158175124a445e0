"""The command line: one command a file, no logic, output by `audio_flan.cli.output`."""
