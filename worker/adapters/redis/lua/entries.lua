-- The buckets of the index: strings of entries, the oldest first. An entry is a photo's hash, the
-- moment it was first seen (8 bytes: microseconds, made unique by the clock's key), and its image
-- id (1 byte of length and the id, or 0 and the 16 bytes of a UUID). worker/results/look_alikes.py
-- computes the buckets of a hash.
-- The colours of the photo follow as an entry of their own kind, whose id begins with their version,
-- a character that no image id has (worker/photos/looks.py). Workers that know no colours read it as
-- an entry of the same moment, and never as a look-alike: its hash is the photo's with each bit
-- flipped.
local SEEN, COPIES = 8, 16 -- bytes of a moment; entries kept of equal hashes: the oldest and the youngest
local VERSIONS = 32 -- versions of colours are below, characters of image ids are not
local MOST_COMPARED = 200 -- colours in one look-up, a millisecond; whoever floods the index finds less

local function text(key) -- a key that is not a string is not ours
  local value = redis.pcall('GET', key)
  return type(value) == 'string' and value
end

-- Whether a photo was forgotten after this moment (Unix, microseconds), or a moment that is not known.
local function forgotten(mark, moment)
  local when = tonumber(text(mark) or '')
  return when and not (moment and moment > when)
end

local function packed(id)
  if not string.find(id, '^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x+$') or #id ~= 36 or string.find(id, '%u') then
    return string.char(#id) .. id
  end
  return '\0' .. string.gsub(string.gsub(id, '-', ''), '%x%x', function(x) return string.char(tonumber(x, 16)) end)
end
local function unpacked(id)
  if string.byte(id) > 0 then return string.sub(id, 2) end
  local hex = string.gsub(string.sub(id, 2), '.', function(c) return string.format('%02x', string.byte(c)) end)
  return (string.gsub(hex, '^(%x%x%x%x%x%x%x%x)(%x%x%x%x)(%x%x%x%x)(%x%x%x%x)', '%1-%2-%3-%4-'))
end

local function moment_of(bucket, at, width) return (struct.unpack('>I8', bucket, at + width)) end
local function id_of(bucket, at, width)
  local from = at + width + SEEN
  local length = string.byte(bucket, from)
  return string.sub(bucket, from, from + (length > 0 and length or 16))
end
-- Where the colours of the entry that ends before `at` end, and the next one begins.
local function skip_colours(bucket, at, width)
  local length, version = string.byte(bucket, at + width + SEEN, at + width + SEEN + 1)
  return version and version < VERSIONS and length > 0 and at + width + SEEN + 1 + length or at
end
local function next_of(bucket, at, width)
  local length = string.byte(bucket, at + width + SEEN)
  return skip_colours(bucket, at + width + SEEN + 1 + (length > 0 and length or 16), width)
end

local function entry_of(hash, moment, id, colours)
  local seen = struct.pack('>I8', moment)
  if colours == '' then return hash .. seen .. id end
  local flipped = string.gsub(hash, '.', function(c) return string.char(255 - string.byte(c)) end)
  return hash .. seen .. id .. flipped .. seen .. packed(colours)
end
-- The colours after an entry that ends before `at`. Empty if there are none, or another entry's: a
-- worker that knows no colours leaves them behind.
local function colours_at(bucket, at, width, moment)
  if skip_colours(bucket, at, width) == at or moment_of(bucket, at, width) ~= moment then return '' end
  return string.sub(id_of(bucket, at, width), 2)
end
-- Whether no cell of two photos differs by more than `apart`. Nil if that is unknown.
local function agree(mine, theirs, apart)
  if #mine ~= #theirs or string.byte(mine) ~= string.byte(theirs) or mine == '' then return nil end
  for cell = 2, #mine do
    local m, t = string.byte(mine, cell), string.byte(theirs, cell)
    local a, b = math.floor(m / 16) - math.floor(t / 16), m % 16 - t % 16
    if a * a + b * b > apart then return false end
  end
  return true
end

-- Whether a bucket can be read to its end. One that is damaged counts as empty, and is written anew.
local function sound(bucket, width)
  local at, size = 1, #bucket
  while at <= size do
    if at + width + SEEN > size then return false end
    at = next_of(bucket, at, width)
  end
  return at == size + 1
end
local function heal(buckets, width)
  for number, bucket in ipairs(buckets) do buckets[number] = bucket and sound(bucket, width) and bucket end
end

local function set_bits() -- number of bits set, for each byte
  local ones = {[0] = 0}
  for half = 0, 127 do
    ones[2 * half], ones[2 * half + 1] = ones[half], ones[half] + 1
  end
  return ones
end

-- The photos with the same bytes, each {moment, id}: the first, and the latest in case the first is
-- removed.
local function sharers(key, since)
  local found = {}
  for moment, id in string.gmatch(text(key) or '', '(%d+) ([%w._-]+)') do
    if tonumber(moment) >= since then found[#found + 1] = {moment, id} end
  end
  return found
end
local function older(a, b)
  local m, n = tonumber(a[1]), tonumber(b[1])
  return m < n or (m == n and a[2] < b[2])
end
local function share(key, found, own, expiry)
  local others = {}
  for _, one in ipairs(found) do if one[2] ~= own[2] then others[#others + 1] = one end end
  others[#others + 1] = own
  table.sort(others, older)
  local first, latest = others[1], others[#others]
  local value = first[1] .. ' ' .. first[2]
  if latest ~= first then value = value .. ' ' .. latest[1] .. ' ' .. latest[2] end
  redis.call('SET', key, value, 'EX', math.max(expiry, redis.call('TTL', key)))
end

-- Returns the oldest entry within the radius as {id, distance, moment}; of two equally old ones,
-- the one with the lesser id. Leaves out entries from before `since`, the photo `own`, entries
-- younger than that, and those of other colours; if `own` is `strict`, also those of unknown ones,
-- and if the photo's own are unknown, all. Also returns the number of photos with this very hash and the id of the
-- youngest of them, both from the first bucket, which they all share.
-- Nearly all entries of a bucket are far away, and this loop takes most of the time. Function calls
-- are what costs most in Lua, so it calls none of ours for them, and compares one byte of every
-- band first.
local function nearest(buckets, hash, radius, since, own)
  local ones, bxor, byte, best, copies = set_bits(), bit.bxor, string.byte, nil, 0
  local youngest, youngest_moment, compared = nil, -1, 0
  local A, B, C, D, E, F, G, H = byte(hash, 1, 8)
  local width = #hash
  local length_at, id_at = width + SEEN, width + SEEN + 1
  for number, bucket in ipairs(buckets) do
    local at, size = 1, bucket and #bucket or 0
    while at <= size do
      local a, b, c, d, e, f, g, h = byte(bucket, at, at + 7)
      local distance = ones[bxor(a, A)] + ones[bxor(c, C)] + ones[bxor(e, E)] + ones[bxor(g, G)]
      local length = byte(bucket, at + length_at)
      local ending = at + id_at + (length > 0 and length or 16)
      local more_length, version = byte(bucket, ending + length_at, ending + id_at) -- as in skip_colours
      local following = version and version < VERSIONS and more_length > 0 and ending + id_at + more_length or ending
      if distance <= radius then
        distance = distance + ones[bxor(b, B)] + ones[bxor(d, D)] + ones[bxor(f, F)] + ones[bxor(h, H)]
        for more = 8, distance <= radius and width - 1 or 0 do
          distance = distance + ones[bxor(byte(bucket, at + more), byte(hash, 1 + more))]
        end
      end
      if distance <= radius then
        local moment, id = moment_of(bucket, at, width), string.sub(bucket, at + length_at, ending - 1)
        local older = moment < own.moment or (moment == own.moment and id < own.id)
        local is_photo = length == 0 or byte(bucket, at + id_at) >= VERSIONS -- not colours left behind
        if is_photo and moment >= since and older and id ~= own.id and compared < MOST_COMPARED
          and (not best or moment < best.moment or (moment == best.moment and id < best.id)) then
          compared = compared + 1
          local same = agree(own.colours, colours_at(bucket, ending, width, moment), own.apart)
          if same or (same == nil and not own.strict) then best = {id = id, distance = distance, moment = moment} end
        end
        if number == 1 and distance == 0 then
          copies = copies + 1
          if moment > youngest_moment then youngest, youngest_moment = id, moment end
        end
      end
      at = following
    end
    if at ~= size + 1 then error('a bucket is damaged') end
  end
  return best, copies, youngest
end
-- The same, but damaged buckets count as empty, also for the caller. Looking for them takes as long
-- as the search, so that it is done only if the search has failed.
local function nearest_in(buckets, hash, ...)
  local fine, best, copies, youngest = pcall(nearest, buckets, hash, ...)
  if fine then return best, copies, youngest end
  heal(buckets, #hash)
  return nearest(buckets, hash, ...)
end

-- Returns a bucket without the entries of an image, and without their colours. Nil if it is damaged.
-- The bytes of the id may also be elsewhere: they count where an entry has its id.
local function without(bucket, id, width)
  local kept, from, at, size = {}, 1, 1, #bucket
  local hit = string.find(bucket, id, 1, true)
  while at <= size do
    local id_at = at + width + SEEN
    if id_at > size then return nil end
    if hit and hit < id_at then hit = string.find(bucket, id, id_at, true) end
    local following = next_of(bucket, at, width)
    if hit == id_at then
      kept[#kept + 1] = string.sub(bucket, from, at - 1)
      from = following
    end
    at = following
  end
  return at == size + 1 and table.concat(kept) .. string.sub(bucket, from) or nil
end

-- Where the entry of a photo is, and where it ends: its colours follow. Nil if it is not there. Found
-- without a walk: nothing else has its hash, its moment and its id in a row.
local function find_entry(bucket, hash, moment, id)
  local at, last = string.find(bucket, entry_of(hash, moment, id, ''), 1, true)
  return at, at and last + 1
end

-- Put an entry at the end of a bucket, or in the order of moments if it is `late`, its moment. Drop
-- entries from before `since`, and those of the image `instead`.
local function put(key, bucket, entry, since, expiry, width, late, instead)
  bucket = bucket or ''
  if instead then bucket = without(bucket, instead, width) or '' end
  local first = 1
  while first <= #bucket and moment_of(bucket, first, width) < since do first = next_of(bucket, first, width) end
  local at = late and first or #bucket + 1
  while at <= #bucket and moment_of(bucket, at, width) <= late do at = next_of(bucket, at, width) end
  local expires = math.max(expiry, redis.call('TTL', key))
  if first == 1 and at > #bucket and bucket ~= '' and not instead then
    redis.call('APPEND', key, entry)
    redis.call('EXPIRE', key, expires)
  else
    redis.call('SET', key, string.sub(bucket, first, at - 1) .. entry .. string.sub(bucket, at), 'EX', expires)
  end
end
