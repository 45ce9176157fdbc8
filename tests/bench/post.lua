-- wrk sends what requests.c wrote: REQUESTS is the file, LENGTH one request's. Says at the end what it measured.
local ffi = require("ffi")
ffi.cdef [[
int open(const char *path, int flags, ...);
long lseek(int fd, long offset, int whence);
void *mmap(void *at, size_t n, int protection, int flags, int fd, long offset);
]]
local length, at = tonumber(os.getenv("LENGTH")), 0
local fd = ffi.C.open(os.getenv("REQUESTS"), 0)
local size = tonumber(ffi.C.lseek(fd, 0, 2))
local all = ffi.cast("const char *", ffi.C.mmap(nil, size, 1, 1, fd, 0))

function request()
    local one = ffi.string(all + at, length)
    at = (at + length) % size
    return one
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format("rate=%.0f p50_us=%d p99_us=%d n=%d bad=%d\n", summary.requests / (summary.duration / 1e6),
        latency:percentile(50), latency:percentile(99), summary.requests, e.connect + e.read + e.write + e.status + e.timeout))
end
