"""The lease daemon of a host, `mainstay-leased`: a lease area with real storage, a real watchdog and real processes, behind a unix socket."""
