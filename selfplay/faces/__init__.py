"""Who talks to a player: people at a terminal, the Go Text Protocol, KataGo's analysis protocol,
game records."""
