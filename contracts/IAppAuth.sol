// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

/// @title What a dstack key service asks an app's contract before it hands out the app's keys.
/// @notice The ERC-165 id of this interface is 0x1e079198, the selector of its one function.
interface IAppAuth is IERC165 {
    /// @notice A machine that asks for the app's keys, as the key service verified it.
    /// @param appId The app, which is a contract's address.
    /// @param composeHash SHA-256 of the machine's app-compose.json.
    /// @param instanceId The instance of the app.
    /// @param deviceId SHA-256 of what names the processor.
    /// @param mrAggregated Digest of all measurement registers.
    /// @param mrSystem Digest of the registers that the operating system and the firmware fill.
    /// @param osImageHash SHA-256 that names the operating system's image.
    /// @param tcbStatus What the processor's maker says of its patch level, such as `UpToDate`.
    /// @param advisoryIds Advisories that concern this patch level.
    struct AppBootInfo {
        address appId;
        bytes32 composeHash;
        address instanceId;
        bytes32 deviceId;
        bytes32 mrAggregated;
        bytes32 mrSystem;
        bytes32 osImageHash;
        string tcbStatus;
        string[] advisoryIds;
    }

    /// @notice Whether this machine may have the app's keys.
    /// @param bootInfo The machine.
    /// @return isAllowed Whether it may.
    /// @return reason Why it may not; empty when it may.
    function isAppAllowed(AppBootInfo calldata bootInfo) external view returns (bool isAllowed, string memory reason);
}
