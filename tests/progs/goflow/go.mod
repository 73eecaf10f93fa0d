module goflow

go 1.18
