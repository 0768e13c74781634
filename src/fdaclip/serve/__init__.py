"""What a library needs to be asked over HTTP: the door, the desk, files in ranges."""
