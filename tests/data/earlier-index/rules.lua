-- Decide whether a result may overwrite a stored one, by the rules of worker/results/known.py and
-- one more: `object_gone` does not overwrite a score if nothing else is known of the object.
local function padded(hex, width) return string.upper(hex) .. string.rep('0', width - #hex) end
local function older(a, b)
  if type(a) ~= 'string' or type(b) ~= 'string' or a == '' or b == '' then return false end
  local width = math.max(#a, #b)
  return padded(a, width) < padded(b, width)
end
local function number(version) return string.match(version, '^%d+$') and tonumber(version) or -1 end
-- Whether the models of a stored result, a, are as new as those of another, b.
local function as_new(a, b)
  for name in pairs(a) do if b[name] == nil then return false end end
  for name, version in pairs(b) do
    if a[name] == nil then return false end
    if a[name] ~= version and not (number(a[name]) > number(version) and number(version) >= 0) then return false end
  end
  return true
end
local function needless(old, new)
  local s, n = old.source, new.source
  if s.bucket ~= n.bucket or s.key ~= n.key then return false end
  if older(n.sequencer, s.sequencer) then return true end
  if type(new.error) == 'table' and new.error.code == 'object_gone' and old.status ~= 'failed'
    and type(n.etag) ~= 'string' and type(n.version_id) ~= 'string' then return true end
  if type(old.error) == 'table' and old.error.code == 'object_gone' then return false end
  if not as_new(old.models, new.models) then return false end
  if type(s.version_id) == 'string' and type(n.version_id) == 'string' then return s.version_id == n.version_id end
  return type(s.etag) == 'string' and s.etag == n.etag
end
local function known(text) return type(text) == 'string' and text ~= '' end
local function content(s) return known(s.version_id) and s.version_id or known(s.etag) and s.etag or '' end
local function overtaken(old, new, seen)
  local s, n = old.source, new.source
  if s.bucket ~= n.bucket or s.key ~= n.key or (known(s.sequencer) and known(n.sequencer)) then return false end
  if type(old.error) == 'table' and old.error.code == 'object_gone' then return false end
  return content(s) ~= content(n) and content(s) ~= seen
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
