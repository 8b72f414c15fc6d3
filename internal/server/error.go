package server

// Setting identifies the part of Options that causes an error.
type Setting int

const (
	// SettingAddress is Options.Address.
	SettingAddress Setting = iota
	// SettingTracing is Options.TracingFile.
	SettingTracing
	// SettingDatabase is the part of StorageOptions that describes a database, if the database cannot
	// be opened.
	SettingDatabase
	// SettingStorage is the same part, if the database was opened but cannot be used.
	SettingStorage
	// SettingMark is StorageOptions.MarkFolder.
	SettingMark
	// SettingEtcd is StorageOptions.Etcd.
	SettingEtcd
	// SettingEndpointCertificate, SettingEndpointClientCA and SettingEndpointAddress are parts of
	// StorageOptions.Endpoint.
	SettingEndpointCertificate
	SettingEndpointClientCA
	SettingEndpointAddress
	// SettingPeers is Options.Peers.
	SettingPeers
	// SettingPGAddress is Options.PGListen.
	SettingPGAddress
	// SettingChatAddress and SettingBrokerAddress are parts of Options.Chat.
	SettingChatAddress
	SettingBrokerAddress
	// SettingCluster is Aggregated.Kubeconfig.
	SettingCluster
	// SettingSharedKeys is Standalone.PassphraseFile, including a missing one.
	SettingSharedKeys
	// SettingEncryption is Standalone.EncryptionFile, or the file in Standalone.KeysDir.
	SettingEncryption
	// SettingMode is Options.Mode as a whole: the error comes from package standalone or aggregated.
	SettingMode
)

// Error is an error that a setting causes. Start and OpenClient return it directly or joined with
// others, never wrapped.
type Error struct {
	Setting Setting
	Err     error
}

// Error implements error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// about returns err as an Error of a setting, or nil if err is nil.
func about(s Setting, err error) error {
	if err == nil {
		return nil
	}
	return &Error{s, err}
}
