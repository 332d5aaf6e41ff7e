"""The commands of `zowarmup`: each file takes its arguments, calls the library and prints."""
