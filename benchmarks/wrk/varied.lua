-- The browser-like request with other values each time, so that no server profits from having seen the head before:
-- the query, Referer, Cookie, User-Agent and Accept-Language change, the number of fields and the size do not.
-- All 4096 are built before the run, so that each costs wrk one table lookup.
local COUNT = 4096
local requests = {}
local turn = 0

local function digits(length)
  local out = {}
  for i = 1, length do
    out[i] = tostring(math.random(0, 9))
  end
  return table.concat(out)
end

function init(args)
  math.randomseed(20260101)
  local headers = wrk.headers
  local cookie, agent, referer = headers["Cookie"], headers["User-Agent"], headers["Referer"]
  for i = 1, COUNT do
    headers["Cookie"] = string.gsub(cookie, "%d%d%d%d%d%d%d%d", function() return digits(8) end)
    headers["User-Agent"] = string.gsub(agent, "Chrome/%d+", function() return "Chrome/" .. digits(3) end)
    headers["Referer"] = string.gsub(referer, "%d+$", function() return digits(6) end)
    headers["Accept-Language"] = "en-GB,en-US;q=0." .. digits(1) .. ",en;q=0." .. digits(1)
    requests[i] = wrk.format("GET", wrk.path .. "?page=" .. digits(4))
  end
end

function request()
  turn = turn % COUNT + 1
  return requests[turn]
end
