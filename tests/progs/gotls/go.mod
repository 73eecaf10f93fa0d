module gotls

go 1.18
