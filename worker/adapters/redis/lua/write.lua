-- Write a result unless a stored one is as good, find what it duplicates, and enter it into the
-- index. All in one step: if two workers have the same photo, only one writes, and one photo
-- becomes the original of the other.
-- KEYS: result; then, unless duplicates are off: record, clock, exact, own buckets, buckets with
-- flipped bits; last the mark of forgetting.
-- ARGV: JSON up to the value of duplicate_of, JSON after it, expiry (s), state seen at the
-- look-up, image id, window (s), beginning of the record, hash, radius, number of own buckets,
-- colours, how far apart two cells of one colour may be (photos of unknown colours may look alike),
-- when the photo was uploaded or announced (Unix, microseconds; empty if unknown).
-- Returns forgotten | known with the stored result | overtaken | written with the original | kept with
-- the result as it was written, with the stored one's source | moved with the record of other content:
-- remove that first.
local head, tail, expiry, seen, id = unpack(ARGV, 1, 5)
local window, content, hash, radius, bands = tonumber(ARGV[6]), ARGV[7], ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10])
local colours, apart = ARGV[11], tonumber(ARGV[12])

if forgotten(table.remove(KEYS), tonumber(ARGV[13])) then return {'forgotten'} end
local stored = text(KEYS[1])
local new = head .. 'null' .. tail
local answer = verdict(stored, new, seen)
if answer == 'known' then put_in_order(KEYS[1], stored, cjson.decode(new).source) end
if answer then return {answer, answer == 'known' and stored or nil} end
local time = redis.call('TIME')
local now = time[1] * 1e6 + time[2]
local since = now - window * 1e6
local record = window > 0 and text(KEYS[2])
local since_when = record and string.match(record, ' (%d+)$')
local latest = now + window * 1e6 -- no moment of ours is beyond
-- Of an aged record some bucket may still have its entries.
local usable = since_when and tonumber(since_when) >= since and tonumber(since_when) <= latest
if record and (not usable or string.sub(record, 1, #record - #since_when - 1) ~= content) then
  return {'moved', record}
end

local original -- {id, distance, kind}
if window > 0 and content ~= '' then
  local clock = tonumber(text(KEYS[3]) or 0)
  if not clock or not (clock < latest) then clock = 0 end
  local own = {id = packed(id), moment = tonumber(since_when) or math.max(now, clock + 1)}
  own.colours, own.apart = colours, apart
  local moment = string.format('%.0f', own.moment)
  local same = sharers(KEYS[4], since)
  for _, twin in ipairs(same) do
    if not original and twin[2] ~= id and older(twin, {moment, id}) then original = {twin[2], 0, 'exact'} end
  end

  local found, copies, youngest, buckets = nil, 0, nil, {}
  if hash ~= '' then
    buckets = redis.call('MGET', unpack(KEYS, 5))
    found, copies, youngest = nearest_in(buckets, hash, radius, since, own)
    local found_id = found and unpacked(found.id)
    -- What is damaged may still read as entries, but hardly with the id of a photo.
    if found and not original and string.find(found_id, '^[%w._-]+$') then original = {found_id, found.distance, 'near'} end
  end
  share(KEYS[4], same, {moment, id}, math.ceil((own.moment - since) / 1e6))
  if not record then
    redis.call('SET', KEYS[3], moment, 'EX', window)
    -- Longer than its entries can stay in a bucket that other photos keep alive.
    redis.call('SET', KEYS[2], content .. ' ' .. moment, 'EX', 2 * window)
    local entry = entry_of(hash, own.moment, own.id, colours)
    for band = 1, hash ~= '' and bands or 0 do
      put(KEYS[4 + band], buckets[band], entry, since, window, #hash, nil, copies >= COPIES and youngest)
    end
  end
end

local duplicate = 'null'
if original then
  duplicate = string.format('{"image_id":"%s","distance":%d,"kind":"%s"}', unpack(original))
end
local source = kept_source(stored, new)
if source then tail = string.gsub(tail, '^(.*"source":){.-"via":"http"}', function(before) return before .. source end) end
local result = head .. duplicate .. tail
redis.call('SET', KEYS[1], result, 'EX', expiry)
redis.call('PUBLISH', KEYS[1], result)
if source then return {'kept', result} end
return {'written', unpack(original or {})}
