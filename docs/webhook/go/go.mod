module understudy-webhook-go

go 1.22
