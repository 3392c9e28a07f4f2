module berth.dev/lab/parsers

go 1.26.0

tool berth.dev/lab/parsers

require (
	k8s.io/utils v0.0.0-20260626114624-be93311217bd
	sigs.k8s.io/yaml v1.6.0
)

require go.yaml.in/yaml/v2 v2.4.2 // indirect
