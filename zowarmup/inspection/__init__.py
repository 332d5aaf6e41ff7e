"""Looking into results: what a file is, any round's weights, two runs, a whole folder."""
