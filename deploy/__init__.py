"""How the suite is deployed: on one machine (`local`) and on Kubernetes (`k8s`)."""
