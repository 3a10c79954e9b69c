"""Many runs as one command: cells of method, data set and seed, here, as local processes, or on a Slurm cluster."""
