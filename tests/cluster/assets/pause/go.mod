module pod-security-defaulter.io/tests/cluster/assets/pause

go 1.26.0
