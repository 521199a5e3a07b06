# Not under an emulator, which has threads of its own: then no process can be made from the program.
diff "$(dirname "$0")/pool_processes.expected" <("$1")
