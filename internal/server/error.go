package server

// Setting is a part of Options that an error is about.
type Setting int

const (
	// SettingAddress is Options.Address.
	SettingAddress Setting = iota
	// SettingTracing is Options.TracingFile.
	SettingTracing
	// SettingDatabase is what StorageOptions say of a database, where it cannot be opened.
	SettingDatabase
	// SettingStorage is that where the database was opened, and cannot be used.
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
	// SettingSharedKeys is Standalone.PassphraseFile, also where it is missing.
	SettingSharedKeys
	// SettingEncryption is Standalone.EncryptionFile, or the file in Standalone.KeysDir.
	SettingEncryption
	// SettingMode is Options.Mode as a whole: the error is one of package standalone or aggregated.
	SettingMode
)

// Error is what goes wrong with a setting. Start and OpenClient return it as it is or joined with
// others, never wrapped.
type Error struct {
	Setting Setting
	Err     error
}

// Error implements error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns what went wrong.
func (e *Error) Unwrap() error { return e.Err }

// about returns an error of a setting, or nil for none.
func about(s Setting, err error) error {
	if err == nil {
		return nil
	}
	return &Error{s, err}
}
