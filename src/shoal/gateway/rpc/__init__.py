"""What all gRPC faces share: who calls, how calls end, how much they may hold."""
