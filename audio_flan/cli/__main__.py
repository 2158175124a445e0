"""``python -m audio_flan.cli``: the console script by another name."""

from audio_flan.cli.app import main

if __name__ == "__main__":
    main()
