-- Decide whether a result may overwrite a stored one: by the rules of worker/results/known.py, and
-- by those for failures, which only the write can know.
local function known(text) return type(text) == 'string' and text ~= '' end
local function padded(hex, width) return string.upper(hex) .. string.rep('0', width - #hex) end
local function older(a, b)
  if not known(a) or not known(b) then return false end
  local width = math.max(#a, #b)
  return padded(a, width) < padded(b, width)
end
-- Compared as text: Lua's numbers are not exact beyond 2^53.
local function newer(a, b)
  local x, y = string.match(a, '^0*(%d*)$'), string.match(b, '^0*(%d*)$')
  if not x or not y or a == '' or b == '' then return false end
  return #x > #y or (#x == #y and x > y)
end
-- Whether the models of a stored result, a, are as new as those of another, b.
local function as_new(a, b)
  for name in pairs(a) do if b[name] == nil then return false end end
  for name, version in pairs(b) do
    if a[name] == nil then return false end
    if a[name] ~= version and not newer(a[name], version) then return false end
  end
  return true
end
-- With versioning suspended every version is called null.
local function version(s) return known(s.version_id) and s.version_id ~= 'null' and s.version_id end
local function content(s) return version(s) or known(s.etag) and s.etag or '' end
-- A photo may come both ways, or once more by HTTP: then its bytes name it.
local function by_http(s, n) return s.via == 'http' or n.via == 'http' end
local function same_bytes(s, n) return by_http(s, n) and known(s.sha256) and s.sha256 == n.sha256 end
-- What was never in S3 stands for any place there, so that what S3 has counts.
local function same_place(s, n)
  return s.via == 'http' and not known(s.bucket) or (s.bucket == n.bucket and s.key == n.key)
end
local function same_content(s, n)
  if same_bytes(s, n) then return true end
  if version(s) and version(n) then return version(s) == version(n) end
  return known(s.etag) and s.etag == n.etag
end
local PASSING = {object_gone = true, object_archived = true} -- the object may be back, or restored
local function code(result) return type(result.error) == 'table' and result.error.code end
-- A failure adds nothing to a result of the same content: a score stays, and so does a failure that
-- is the same or says more. Where a failure knows no content, only a newer event makes it newer.
local function adds_nothing(old, new)
  local s, n = old.source, new.source
  local about_it = same_content(s, n) or (content(n) == '' and not older(s.sequencer, n.sequencer))
  return about_it and (not code(old) or code(new) == code(old) or code(new) == 'object_gone')
end
local function needless(old, new)
  local s, n = old.source, new.source
  if not same_place(s, n) and not (by_http(s, n) and same_content(s, n)) then return false end
  if older(n.sequencer, s.sequencer) then return true end
  if code(new) and adds_nothing(old, new) then return true end
  if PASSING[code(old)] or (code(old) and not code(new)) then return false end
  return as_new(old.models, new.models) and same_content(s, n)
end
local function state(old) return old.scored_at .. ' ' .. (known(old.source.sequencer) and old.source.sequencer or '') end
local function ordered(s, n)
  if older(s.sequencer, n.sequencer) or older(n.sequencer, s.sequencer) then return true end
  return known(s.sequencer) and known(n.sequencer) and same_content(s, n) -- emulators of S3 give all events the same
end
local function overtaken(old, new, seen)
  local s, n = old.source, new.source
  -- By HTTP nobody replaces other content, unless it could not be read: it has no score to lose.
  if n.via == 'http' then return content(s) ~= '' and not same_content(s, n) and not PASSING[code(old)] end
  if not same_place(s, n) or ordered(s, n) then return false end
  if code(old) and content(s) == '' then return false end
  return content(s) ~= content(n) and not same_bytes(s, n) and state(old) ~= seen
end
-- Give a stored result the sequencer of a later event of its content, which was put again. One
-- without a sequencer gets one only if it is `surely` from before that event: else it would seem
-- older than it is. Returns whether the result has that content.
local function put_in_order(key, stored, n, surely)
  local s = cjson.decode(stored).source
  if not same_place(s, n) or not same_content(s, n) then return false end
  if known(n.sequencer) and (surely and not known(s.sequencer) or older(s.sequencer, n.sequencer)) then
    local before, after = string.match(stored, '^(.*"source":{.-"sequencer":)[^,}]*(.*)$')
    if not before then return false end
    redis.call('SET', key, before .. '"' .. n.sequencer .. '"' .. after, 'KEEPTTL')
  end
  return true
end
-- A photo in S3 whose bytes come by HTTP once more is still that object: later events name it. Returns
-- the JSON of the stored source that a new result keeps, or false.
local function kept_source(stored, new)
  local is_result, source = pcall(function()
    local s, n = cjson.decode(stored).source, cjson.decode(new).source
    return n.via == 'http' and known(s.bucket) and same_bytes(s, n) and cjson.encode(s)
  end)
  return is_result and source
end
-- Returns 'known', 'overtaken', or false: write the new one. A value that is not a result is
-- overwritten.
local function verdict(stored, new, seen)
  if type(stored) ~= 'string' then return false end
  local is_result, answer = pcall(function()
    local s, n = cjson.decode(stored), cjson.decode(new)
    return needless(s, n) and 'known' or overtaken(s, n, seen) and 'overtaken'
  end)
  return is_result and answer
end
