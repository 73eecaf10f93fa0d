module example.com/gopreempt

go 1.18
