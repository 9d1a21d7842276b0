-- What wrk says at its end: requests, and latencies in µs at 50 %, 99 % and 99.9 %.
done = function(summary, latency, _)
  io.write(string.format(
    "%d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)
  ))
end
