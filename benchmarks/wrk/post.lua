-- POST of 16 KiB, the same bytes each time: wrk builds the request once.
wrk.method = "POST"
wrk.body = string.rep("x", 16384)
wrk.headers["Content-Type"] = "application/octet-stream"
