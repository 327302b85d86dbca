package sshd

// For the tests of the parsers.
var (
	ParseLFS    = parseLFS
	SplitWords  = splitWords
	OnlyString  = onlyString
	EnvAccepted = envAccepted
	ASCIIJSON   = asciiJSON
	ParseLife   = parseLife
)
