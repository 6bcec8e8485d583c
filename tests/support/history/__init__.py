"""The history of a run: every PUT, request, publish and read, judged afterwards."""
