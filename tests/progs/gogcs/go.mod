module gogcs

go 1.18
