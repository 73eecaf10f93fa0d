module example.com/gogrpc

go 1.18
