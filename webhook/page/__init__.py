"""The page at `/`: plain HTML, CSS and ES modules that ask `POST /preview`. There is no build step."""
