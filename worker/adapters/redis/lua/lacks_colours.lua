-- Say whether a photo is in the index without its colours.
-- KEYS: first of its own buckets. ARGV: image id, version of colours, hash, record.
-- Returns 1 if so, or if the record has no moment; 0 if the entry has them, or if the bucket has
-- none of this photo: then nothing is missing.
local bucket, hash, moment = text(KEYS[1]) or '', ARGV[3], tonumber(string.match(ARGV[4], ' (%d+)$') or '')
if not moment then return 1 end
local at, ending = find_entry(bucket, hash, moment, packed(ARGV[1]))
if not at then return 0 end
return string.byte(colours_at(bucket, ending, #hash, moment)) == tonumber(ARGV[2]) and 0 or 1
