"""One function for each rule that trains or measures: files in, files out."""
