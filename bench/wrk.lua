-- Asks what a file holds, one after the other: the length of each request in a line of its own, and the request.
local requests = {}
local asked = 0

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  for line in file:lines() do
    requests[#requests + 1] = file:read(tonumber(line))
  end
  file:close()
end

function request()
  asked = asked % #requests + 1
  return requests[asked]
end

-- Microseconds become milliseconds.
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"answers": %d, "ms": %f, "refused": %d, "broken": %d, "medianMs": %f, "p99Ms": %f}\n',
    summary.requests, summary.duration / 1000, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
