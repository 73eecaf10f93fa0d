module gochecks

go 1.19
