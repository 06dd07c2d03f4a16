"""What each command does: training, benchmarks, checks, reports, and how a command is
interrupted."""
