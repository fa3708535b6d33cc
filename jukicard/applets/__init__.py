"""The applications: one package each, an applet class and the files and commands it declares."""
