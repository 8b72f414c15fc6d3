module github.com/mckinsey/ark-server/e2e

go 1.26.0

replace github.com/mckinsey/ark-server => ../
